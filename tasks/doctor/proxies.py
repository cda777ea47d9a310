"""Check the proxies of the environment: none is used for this machine, and those that are needed can be used."""

import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

from adapters.proxies import check_proxy, proxy_of, unusable_proxies
from manifests.errors import SettingsError
from tasks.doctor.check import FAIL, OK, Finding
from tasks.runtime.resources import Resources

TIMEOUT_S = 5.0
ANSWER = b"reelmill"
AWS = "https://s3.amazonaws.com"


def services_of(resources: Resources, webhook: str, prefect_url: str, oidc_issuer: str) -> dict[str, str]:
    """Return the URLs of the services that this installation uses, by name."""
    is_s3 = resources.bucket.location.lower().startswith("s3://")
    urls = {
        "bucket": (resources.bucket.endpoint or AWS) if is_s3 else "",
        "webhook": webhook,
        "timestamps": resources.signer.tsa_url or "",
        "KMS": resources.signer.kms_endpoint or "",
        "Prefect": prefect_url,
        "sign-in": oidc_issuer,
    }
    return {name: url for name, url in urls.items() if url}


def check_proxies(services: Mapping[str, str]) -> Finding:
    """Request an address of this machine as Prefect's client does, and check the proxy of each service."""
    if not _is_direct():
        return Finding(
            FAIL,
            "A request to this machine itself (127.0.0.1) was not answered by it, so Prefect's server cannot be used.",
            "Add localhost,127.0.0.1,::1 to NO_PROXY, and check that the firewall allows connections on loopback.",
        )
    for url in services.values():
        try:
            check_proxy(url)
        except SettingsError as error:
            return Finding(FAIL, str(error))
    return Finding(OK, " ".join([_routes(services), *_unused()]))


def _routes(services: Mapping[str, str]) -> str:
    through = {name: proxy for name, url in services.items() if (proxy := proxy_of(url))}
    direct = [f"{name} ({urlsplit(url).hostname})" for name, url in services.items() if name not in through]
    parts = [f"{name} through {proxy}" for name, proxy in through.items()]
    parts += [f"without a proxy: this machine{''.join(f', {each}' for each in direct)}"]
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _unused() -> Iterator[str]:
    for name, proxy in unusable_proxies().items():
        yield f"{name} ({proxy}) is not used, because it does not begin with http:// or https://."


def _is_direct() -> bool:
    with _answering() as url:
        try:
            with urllib.request.build_opener().open(url, timeout=TIMEOUT_S) as response:
                by_urllib = response.read()
            with httpx.Client(timeout=TIMEOUT_S) as client:
                return bool(by_urllib == client.get(url).content == ANSWER)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError):
            return False


@contextmanager
def _answering() -> Iterator[str]:
    """Serve one fixed answer on loopback; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer every request."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
