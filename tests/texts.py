"""What users read in several commands, written down once for all tests."""

from __future__ import annotations

LATER = "Try again in a while; `--debug` shows each attempt."
BASE_URL = "Is the base URL right, and is there a proxy in between?"
SUPPORT = "Where it should work, MisarMail's support can help."
NO_ROUTE = f"The API seems to have no way to release it. {SUPPORT}"
NEW_KEY = "Make a key in MisarMail's settings; `misar-ips profile add NAME` saves it."
SCOPE = "Give the key the scope `ips` in MisarMail's settings."
LIST = "`misar-ips list` shows the IPs of this account."
NETWORK = "Check the network, the proxy variables and the base URL."
PROXY = "Check HTTPS_PROXY, or name the server in NO_PROXY to go there directly."
CERTIFICATE = "If a proxy of yours inspects TLS, name its certificate authority in SSL_CERT_FILE."
LOOK_FIRST = (
    "Look at `misar-ips list` in a few minutes before you order again: "
    "a second order may be billed."
)

NOT_ACCEPTED = "the API key is not accepted: it is wrong, revoked or expired"
PAGE = "a web page answered in its place, from a proxy or firewall perhaps"
NO_JSON = "the answer is not valid JSON"
MAYBE = "It may have been carried out all the same."
IN_PROGRESS = "IP provisioning in progress. Expected within 24 hours."


def lost(ip_id: str) -> str:
    """Return what is said of an order whose answer was lost, and that is in the list."""
    return f"The answer was lost; {ip_id}, new in the list, probably is the order."
