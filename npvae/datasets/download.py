"""Download a file from the first mirror that delivers it with the right checksum."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from npvae.datasets.notebook import progress_bar
from npvae.datasets.places import import_pooch
from npvae.errors import DataUnavailableError

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0  # timeouts: to connect; between two pieces of a file


def download(file: str, mirrors: Sequence[str], checksum: str, *, progress: bool = True) -> bytes:
    """Return the content of a file, from the first mirror that delivers it undamaged.

    It is downloaded into a temporary folder, so a failed download leaves nothing behind.

    Parameters
    ----------
    file : the name of the file
    mirrors : the addresses of folders that hold the file, each ending in a slash
    checksum : "sha256:..." or "md5:..."; an error page instead of the file does not match
    progress : show a progress bar on standard error

    Raises
    ------
    DataUnavailableError : no mirror has delivered the file; the message has a line for each mirror
        that says why. Or pooch, which downloads the files, is not installed
    """
    try:
        pooch = import_pooch()
    except ImportError as error:  # npvae runs from a clone without being installed
        raise DataUnavailableError(
            f"nowhere, because {error.name} is not installed (pip install {error.name})"
        ) from None

    failures = []
    with TemporaryDirectory(prefix="npvae-") as folder, _quiet(pooch.get_logger()):
        for mirror in mirrors:
            # total=1: pooch tests the bar for truth, and a bar without a total is false
            with progress_bar(
                desc=file,
                total=1,
                unit="B",
                unit_scale=True,
                disable=not progress,
                leave=False,
            ) as bar:
                downloader = pooch.HTTPDownloader(
                    progressbar=bar, chunk_size=1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS)
                )
                try:
                    path = pooch.retrieve(mirror + file, checksum, file, folder, None, downloader)
                    return Path(path).read_bytes()
                except Exception as error:  # whatever it is, try the next mirror
                    failures.append(f"{mirror}: {_in_a_few_words(error)}")
    raise DataUnavailableError("\n".join(failures))


def _in_a_few_words(error: Exception) -> str:
    """Return a short description of a failed download."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    # requests raises a ConnectionError if a mirror stops sending in the middle of a file
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"sent nothing for {READ_SECONDS:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "sent a different file (the checksum does not match)"
    return f"{type(error).__name__}: {error}"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence a logger while the block runs, because the progress bar says enough."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
