"""What never changes is imported once, and shared by the forks: it takes longer than most tests."""
# ruff: noqa: F401

import asyncpg
import cbor2
import cryptography.x509
import httpx2
import hypothesis.stateful
import pytest
import starlette.requests
import uvicorn
import webauthn
from tests.authenticator import rsa_key

rsa_key(2048)
