"""Downloads: from the first mirror that delivers the right file, or not at all."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from npvae.datasets.notebook import progress_bar
from npvae.datasets.places import import_pooch
from npvae.errors import DataUnavailableError

CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0  # until a mirror answers; between two pieces of a file


def download(file: str, mirrors: Sequence[str], checksum: str, *, progress: bool = True) -> bytes:
    """Return the content of a file, from the first of the mirrors that has it unharmed.

    It comes by way of a temporary folder, so that a failed download leaves nothing behind.

    Parameters
    ----------
    file : its name
    mirrors : addresses of the folders that hold it, each ending in a slash
    checksum : "sha256:..." or "md5:..."; an error page sent in place of the file does not match
    progress : show a progress bar on standard error

    Raises
    ------
    DataUnavailableError : no mirror had it; one line a mirror, saying what went wrong. Or pooch,
        which downloads, is not installed
    """
    try:
        pooch = import_pooch()
    except ImportError as error:  # a clone that runs without being installed
        raise DataUnavailableError(
            f"nowhere, since {error.name} is not installed (pip install {error.name})"
        ) from None

    failures = []
    with TemporaryDirectory(prefix="npvae-") as folder, _quiet(pooch.get_logger()):
        for mirror in mirrors:
            # total=1: pooch asks whether the bar is true, and a bar without a total is not
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
                except Exception as error:  # whatever it is, another mirror may do better
                    failures.append(f"{mirror}: {_in_a_few_words(error)}")
    raise DataUnavailableError("\n".join(failures))


def _in_a_few_words(error: Exception) -> str:
    """Return what went wrong, without the library's own story of it."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:g} s"
    # a mirror that falls silent in the middle of a file: requests calls it a ConnectionError
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"silent for {READ_SECONDS:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, ValueError) and "hash" in str(error):
        return "sent something else (the checksum differs)"
    return f"{type(error).__name__}: {error}"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence a logger: the progress bar says all there is to say."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
