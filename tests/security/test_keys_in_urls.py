"""An API key in a URL is refused on every route: URLs are kept in logs and histories."""

from tests.security.test_matrix import every_row
from tests.security.world import World, name, subject

from cosignet.server.web.route import Row

PARAMETERS = ("api_key", "apikey", "x-api-key", "key", "token", "access_token", "utm_source")


@every_row
def test_a_key_in_the_query_is_refused_on_every_route_even_beside_a_good_one(
    world: World, row: Row
) -> None:
    of = subject(row, world.home)
    secret = world.home.admin.key
    for caller in ("nothing", "the key that asked", "a session of an owner"):
        for parameter in PARAMETERS:
            answer = world.call(world.by_name(caller), row, of, query={parameter: secret})
            assert (answer.status_code, answer.json()["code"]) == (401, "key_in_query"), name(row)
            assert answer.json()["field"] == parameter
            assert secret not in answer.text


def test_a_parameter_that_comes_twice_hides_no_key(world: World) -> None:
    secret = world.home.admin.key
    answer = world.http.get(f"/healthz?a={secret}&a=b")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_in_query")
