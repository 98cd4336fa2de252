"""The whole surface: method, path, guard, endpoint. What is not in this table does not exist."""

from starlette.responses import Response

from cosignet.core.access import Scope
from cosignet.server.web import log, public, schemas
from cosignet.server.web import schemas_log as logged
from cosignet.server.web import schemas_people as people
from cosignet.server.web import schemas_webhooks as hooks
from cosignet.server.web.api import (
    agents,
    confirmations,
    deliveries,
    invites,
    keys,
    metrics,
    webhooks,
)
from cosignet.server.web.call import Call
from cosignet.server.web.guards import (
    AGENT,
    CEREMONY,
    LOG,
    METRICS,
    PAGE,
    PUBLIC,
    SESSION,
    api_key,
)
from cosignet.server.web.openapi import describe
from cosignet.server.web.pages import account, confirm, login, qr, register, unlock
from cosignet.server.web.route import Row

CREATE, READ, CONSUME, ADMIN = map(api_key, (Scope.CREATE, Scope.READ, Scope.CONSUME, Scope.ADMIN))
WEBHOOKS = api_key(Scope.WEBHOOKS)
WAIT = ("wait",)
HEADS = ("limit", "cursor")
LIST = ("status", "username", "requester", "since", "until", "limit", "cursor")
DELIVERIES = ("webhookId", "confirmationId", "status", "limit", "cursor")


async def openapi(call: Call) -> Response:
    """Describe the API as OpenAPI 3.1."""
    description = describe(ROUTES, call.runtime.public_url)
    return Response(description, media_type="application/json")


ROUTES: tuple[Row, ...] = (
    Row("GET", "/api/confirmations/{id}", READ, confirmations.read, schemas.Full, query=WAIT),
    Row(
        "POST",
        "/api/confirmations",
        CREATE,
        confirmations.create,
        schemas.Created,
        201,
        replayed=schemas.Created,
    ),
    Row("GET", "/api/confirmations", READ, confirmations.list_, schemas.Page, query=LIST),
    Row("POST", "/api/confirmations/{id}/cancel", CREATE, confirmations.cancel, schemas.Full),
    Row("POST", "/api/confirmations/{id}/consume", CONSUME, confirmations.use, schemas.Consumed),
    Row("POST", "/api/confirmations/{id}/outcome", CONSUME, confirmations.report, schemas.Reported),
    Row("GET", "/confirm/{id}/data", PAGE, confirm.data, schemas.Shown, query=WAIT),
    Row("POST", "/confirm/{id}/options", CEREMONY, confirm.options, schemas.PasskeyOptions),
    Row("POST", "/confirm/{id}/approve", CEREMONY, confirm.approve, schemas.Decided),
    Row(
        "POST",
        "/confirm/{id}/reject",
        CEREMONY,
        confirm.reject,
        schemas.Decided,
        reads=confirm.Reject,
    ),
    Row(
        "POST",
        "/confirm/{id}/reason",
        CEREMONY,
        confirm.give_reason,
        schemas.Explained,
        reads=confirm.Reason,
    ),
    Row("POST", "/confirm/{id}/unlock/options", CEREMONY, unlock.options, schemas.PasskeyOptions),
    Row("POST", "/confirm/{id}/unlock", CEREMONY, unlock.unlock, schemas.Unlocked),
    Row("GET", "/confirm/{id}", PAGE, confirm.show),
    Row("GET", "/confirm/{id}/reject", PAGE, confirm.show_reject),
    Row("GET", "/confirm/{id}/qr.svg", PAGE, qr.show, media="image/svg+xml"),
    Row("GET", "/register", PAGE, register.show, query=("invite", "username")),
    Row("POST", "/register/options", CEREMONY, register.options, schemas.PasskeyOptions),
    Row("POST", "/register", CEREMONY, register.register, schemas.Enrolled),
    Row(
        "POST",
        "/register/practice/options",
        CEREMONY,
        register.practice_options,
        schemas.PasskeyOptions,
    ),
    Row("POST", "/register/practice", CEREMONY, register.practice, schemas.Practised),
    Row("GET", "/login", PAGE, login.show, query=("next",)),
    Row("POST", "/login/options", CEREMONY, login.options, schemas.PasskeyOptions),
    Row("POST", "/login", CEREMONY, login.sign_in, people.SignedIn),
    Row("POST", "/logout", CEREMONY, login.sign_out, people.Done),
    Row("GET", "/account", SESSION, account.show),
    Row("POST", "/account/confirm", SESSION, account.confirm, schemas.PasskeyOptions),
    Row(
        "POST", "/account/passkeys/options", SESSION, account.begin_passkey, schemas.PasskeyOptions
    ),
    Row("POST", "/account/passkeys", SESSION, account.add_passkey, people.AddedPasskey),
    Row(
        "POST",
        "/account/passkeys/{id}/revoke",
        SESSION,
        account.revoke_passkey,
        people.Done,
    ),
    Row(
        "POST",
        "/account/approvers/{id}/activate",
        SESSION,
        account.activate,
        people.Activated,
    ),
    Row(
        "POST",
        "/account/approvers/{id}/invite",
        SESSION,
        account.reinvite,
        people.Reinvited,
    ),
    Row("POST", "/account/key", SESSION, account.first_key, people.FirstKeyShown),
    Row(
        "POST",
        "/api/invites",
        ADMIN,
        invites.create,
        schemas.Invite,
        201,
        replayed=people.ReplayedInvite,
    ),
    Row("GET", "/api/invites", ADMIN, invites.list_, schemas.Invites),
    Row("POST", "/api/invites/{code}/revoke", ADMIN, invites.revoke, schemas.RevokedInvite),
    Row(
        "POST",
        "/api/keys",
        ADMIN,
        keys.create,
        schemas.MintedKey,
        201,
        replayed=people.ReplayedKey,
    ),
    Row("GET", "/api/keys", ADMIN, keys.list_, schemas.Keys),
    Row(
        "POST",
        "/api/keys/{id}/rotate",
        ADMIN,
        keys.rotate,
        schemas.MintedKey,
        replayed=people.ReplayedKey,
    ),
    Row("POST", "/api/keys/{id}/revoke", ADMIN, keys.revoke, schemas.Key),
    Row(
        "POST",
        "/api/webhooks",
        WEBHOOKS,
        webhooks.register,
        hooks.MintedWebhook,
        201,
        replayed=hooks.ReplayedWebhook,
    ),
    Row("GET", "/api/webhooks", WEBHOOKS, webhooks.list_, hooks.Webhooks),
    Row("POST", "/api/webhooks/{id}/revoke", WEBHOOKS, webhooks.revoke, hooks.Webhook),
    Row("POST", "/api/webhooks/{id}/enable", WEBHOOKS, webhooks.enable, hooks.Webhook),
    Row(
        "POST",
        "/api/webhooks/{id}/rotate",
        WEBHOOKS,
        webhooks.rotate,
        hooks.MintedWebhook,
        replayed=hooks.ReplayedWebhook,
    ),
    Row(
        "POST",
        "/api/webhooks/{id}/test",
        WEBHOOKS,
        webhooks.test,
        hooks.Delivery,
        201,
        replayed=hooks.Delivery,
    ),
    Row(
        "POST",
        "/api/webhooks/{id}/redeliver",
        WEBHOOKS,
        webhooks.redeliver_failed,
        hooks.Redelivered,
    ),
    Row(
        "GET",
        "/api/webhook-deliveries",
        WEBHOOKS,
        deliveries.list_,
        hooks.Deliveries,
        query=DELIVERIES,
    ),
    Row("GET", "/api/webhook-deliveries/{id}", WEBHOOKS, deliveries.read, hooks.FullDelivery),
    Row(
        "POST",
        "/api/webhook-deliveries/{id}/redeliver",
        WEBHOOKS,
        deliveries.again,
        hooks.Delivery,
    ),
    Row("GET", "/api/openapi.json", PUBLIC, openapi, media="application/json"),
    Row("GET", "/healthz", PUBLIC, public.healthz, schemas.State),
    Row("GET", "/readyz", PUBLIC, public.readyz, schemas.State),
    Row("GET", "/public/log/checkpoint", LOG, log.checkpoint, media="text/plain"),
    Row("GET", "/public/log/tile/{name*}", LOG, log.tile, media="application/octet-stream"),
    Row("GET", "/public/log/key", LOG, log.key, logged.LogKey),
    Row("GET", "/public/log/tree-head", LOG, log.tree_head, logged.TreeHead),
    Row("GET", "/public/log/tree-heads", LOG, log.tree_heads, logged.TreeHeads, query=HEADS),
    Row(
        "GET",
        "/public/log/proofs/inclusion",
        LOG,
        log.inclusion,
        logged.InclusionProof,
        query=("index", "treeSize"),
    ),
    Row(
        "GET",
        "/public/log/proofs/consistency",
        LOG,
        log.consistency,
        logged.ConsistencyProof,
        query=("first", "second"),
    ),
    Row(
        "GET",
        "/public/log/entries/{id}/verification",
        LOG,
        log.verification,
        logged.Bundle,
        query=("kind",),
        later=True,
    ),
    Row("GET", "/public/log/entries/{id}/proof", LOG, log.proof, media="text/plain"),
    Row("GET", "/metrics", METRICS, metrics.metrics, media="text/plain"),
    Row("GET", "/verify", PAGE, public.verify, query=("id", "kind")),
    Row("POST", "/mcp", AGENT, agents.speak, schemas.Spoken, reads=agents.Message),
    Row("GET", "/llms.txt", PUBLIC, agents.introduce, media="text/plain"),
    Row("GET", "/", PAGE, public.home),
)
