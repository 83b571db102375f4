"""Errors with the statuses and codes that the protocol prescribes."""

from backend.core.errors import AppError, Conflict, Forbidden, InvalidRequest, NotFound, SignInRequired


class Unprocessable(AppError):
    """The workflow, or what belongs to it, cannot be run."""

    status = 422
    code = "invalid_workflow"


class MissingAsset(Unprocessable):
    """The workflow names assets that are not here; `details.missing_ids` lists them."""

    code = "missing_asset"


class KeyReused(Unprocessable):
    """The idempotency key belongs to an earlier job; `details.job_id` names it."""

    code = "idempotency_key_reuse"


class BlobNotFound(NotFound):
    """No asset has this hash. Upload its bytes."""

    code = "blob_not_found"


class HashMismatch(Conflict):
    """The bytes that arrived have another hash than announced."""

    code = "hash_mismatch"


class AssetInUse(Conflict):
    """The asset belongs to a job, so it cannot be deleted."""

    code = "asset_in_use"


# Codes by which the SDK chooses an exception class.
CODES: dict[type[AppError], str] = {SignInRequired: "unauthorized", Forbidden: "forbidden"}

# What is wrong with the workflow itself, not with the request.
UNPROCESSABLE = {"invalid_workflow", "missing_models", "unknown_input"}


def translated(error: AppError) -> AppError:
    """Return an error of the control plane as the protocol names it."""
    if type(error) in CODES:
        error.error_code = CODES[type(error)]
    elif error.error_code == "bad_cursor":
        error.error_code = "invalid_cursor"
    elif isinstance(error, InvalidRequest) and error.error_code in UNPROCESSABLE:
        return Unprocessable(error.message, code=error.error_code, **error.details)
    return error
