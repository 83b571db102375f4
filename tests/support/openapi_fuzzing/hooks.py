"""What Schemathesis loads: it signs the owner in and adds checks that the OpenAPI document cannot express."""

import os
from http import HTTPStatus
from typing import Any

import requests
import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from backend.web.errors import ErrorBody

AnyCase = Case[Any]

# These may end the session that makes the request.
ENDING_SESSIONS = {"POST /api/auth/logout", "DELETE /api/sessions/{session_id}"}


class Owner:
    """Signs in as a browser does, whose device cookie exempts it from the limit on wrong passwords."""

    def __init__(self, url: str, password: str):
        self._browser = requests.Session()
        self._url = url
        self._password = password
        self.authorization = ""
        self.sign_in()

    def sign_in(self) -> None:
        response = self._browser.post(
            f"{self._url}/api/auth/login", json={"password": self._password}, timeout=30
        )
        response.raise_for_status()
        self.authorization = f"Bearer {response.json()['access_token']}"


PASSWORD = os.environ.get("OWNER_PASSWORD")
owner = Owner(os.environ["CONTROL_PLANE_URL"], PASSWORD) if PASSWORD else None


@schemathesis.hook
def before_call(_context: HookContext, case: AnyCase, _kwargs: dict[str, Any]) -> None:
    if owner:
        case.headers["Authorization"] = owner.authorization


@schemathesis.hook
def after_call(_context: HookContext, case: AnyCase, _response: Response) -> None:
    if owner and case.operation.label in ENDING_SESSIONS:
        owner.sign_in()


@schemathesis.check
def errors_have_one_shape(_context: CheckContext, response: Response, _case: AnyCase) -> None:
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        error = ErrorBody.model_validate_json(response.content).error
        assert error.message
        assert response.headers["x-request-id"] == [error.details["request_id"]]


@schemathesis.check
def protected_operations_require_a_principal(
    _context: CheckContext, response: Response, case: AnyCase
) -> None:
    if "security" in case.operation.definition.raw:
        refused = response.status_code == HTTPStatus.UNAUTHORIZED
        assert refused is (owner is None)
