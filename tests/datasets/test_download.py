import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from npvae.datasets import download as module
from npvae.datasets.download import download
from npvae.errors import DataUnavailableError

CONTENT = bytes(range(256)) * 40
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@contextmanager
def serving():
    """Yield the address of mirrors, each in a folder that is called after what it does."""
    stop, requests = threading.Event(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            behaviour = self.path.split("/")[1]
            requests.append(behaviour)
            if behaviour == "hangs":
                stop.wait(10)
            elif behaviour.isdigit():
                self.send_error(int(behaviour))
            else:
                error_page = behaviour == "page"
                body = b"<html>Please log in</html>" if error_page else CONTENT
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if behaviour == "stalls":
                    self.wfile.write(body[:100])
                    self.wfile.flush()
                    stop.wait(10)
                else:
                    self.wfile.write(body[:100] if behaviour == "breaks" else body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", requests
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server():
    with serving() as address_and_requests:
        yield address_and_requests


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Short patience, no proxy, and a temporary folder of our own to look into."""
    monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    return temporary


BAD = ["403", "503", "page", "hangs", "stalls", "breaks"]


def test_the_first_good_mirror_wins_whatever_the_others_do(server, here):
    address, requests = server
    mirrors = [f"{address}{behaviour}/" for behaviour in [*BAD, "good", "never-asked"]]
    assert download("file.gz", mirrors, CHECKSUM, progress=False) == CONTENT
    assert requests == [*BAD, "good"]
    assert list(here.iterdir()) == []


def test_an_md5_checksum_serves_as_well(server):
    checksum = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    assert download("file.gz", [f"{server[0]}good/"], checksum, progress=False) == CONTENT
    with pytest.raises(DataUnavailableError, match="checksum"):
        download("file.gz", [f"{server[0]}page/"], checksum, progress=False)


def test_all_bad_says_what_each_did_and_leaves_nothing(server, here):
    address, _ = server
    closed = "http://127.0.0.1:9/"  # nobody listens on the discard port
    mirrors = [*(f"{address}{behaviour}/" for behaviour in BAD), closed]
    with pytest.raises(DataUnavailableError) as caught:
        download("file.gz", mirrors, CHECKSUM, progress=False)
    said = str(caught.value).splitlines()
    expected = ["answered 403", "answered 503", "checksum", "0.3 s", "0.3 s"]
    for line, mirror, words in zip(said, mirrors, expected, strict=False):
        assert line.startswith(mirror)
        assert words in line
    assert "no connection" in said[6]
    assert list(here.iterdir()) == []


def test_an_interrupt_leaves_nothing(monkeypatch, here):
    def interrupt(*arguments):
        assert list(here.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.retrieve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download("file.gz", ["http://127.0.0.1:9/"], CHECKSUM, progress=False)
    assert list(here.iterdir()) == []


def test_progress_is_shown_or_not(server, capsys):
    mirrors = [f"{server[0]}good/"]
    download("file.gz", mirrors, CHECKSUM, progress=False)
    assert capsys.readouterr() == ("", "")
    download("file.gz", mirrors, CHECKSUM, progress=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "file.gz" in said.err
