"""A real OpenID provider for the tests: Canaille over a SQLite file in its working folder, over TLS on loopback. Runs in an environment of its own.

    python serve.py PORT CERTIFICATE KEY REDIRECT_URI

Two people, anna (of the group operators) and ben (of none), and a client `fieldgate` with the secret `a client's secret`.
"""

import asyncio
import secrets
import sys

from asgiref.wsgi import WsgiToAsgi
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc import provider
from hypercorn.asyncio import serve
from hypercorn.config import Config
from joserfc.jwk import ECKey, RSAKey

PASSWORD = "correct horse battery staple"

port, certificate, key, redirect_uri = sys.argv[1:]
# Its own access tokens are alike for two logins of one person in one second, and the second login then ends in a 500.
provider.generate_access_token = lambda **_about: secrets.token_urlsafe(36)
app = create_app(
    {
        "SECRET_KEY": "of the cookies of a test",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "https",
        "CANAILLE": {"DATABASE": "sql", "JAVASCRIPT": False, "HTMX": False, "CAPTCHA_ENABLED": False},
        "CANAILLE_SQL": {"DATABASE_URI": "sqlite:///canaille.sqlite"},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": [
                RSAKey.generate_key(2048, {"kid": "rsa"}).as_dict(private=True),
                ECKey.generate_key("P-256", {"kid": "ec"}).as_dict(private=True),
            ]
        },
    }
)
with app.app_context():
    backend = Backend.instance
    people = {}
    for name in ("anna", "ben"):
        people[name] = models.User(
            user_name=name, family_name=name.title(), formatted_name=name.title(), display_name=name, password=PASSWORD,
            emails=[f"{name}@example.com"],
        )  # fmt: skip
        backend.save(people[name])
    backend.save(models.Group(display_name="operators", members=[people["anna"]]))
    client = models.Client(
        client_id="fieldgate", client_secret="a client's secret", client_name="Fieldgate", client_uri="https://fieldgate.example",
        redirect_uris=[redirect_uri], grant_types=["authorization_code"], response_types=["code"],
        scope=["openid", "profile", "groups"], token_endpoint_auth_method="client_secret_basic",
        id_token_signed_response_alg="RS256",
    )  # fmt: skip
    backend.save(client)
    client.audience = [client]
    backend.save(client)

config = Config()
config.bind = [f"127.0.0.1:{port}"]
config.certfile, config.keyfile = certificate, key
asyncio.run(serve(WsgiToAsgi(app), config))
