"""The features of the control plane. They start in this order; each may use those before it."""

from backend.activity.feature import FEATURE as ACTIVITY
from backend.assistant.feature import FEATURE as ASSISTANT
from backend.auth.feature import FEATURE as AUTH
from backend.autostop.feature import FEATURE as AUTOSTOP
from backend.comfy_api.feature import FEATURE as COMFY_API
from backend.documents.feature import FEATURE as DOCUMENTS
from backend.downloads.feature import FEATURE as DOWNLOADS
from backend.inputs.feature import FEATURE as INPUTS
from backend.jobs.feature import FEATURE as JOBS
from backend.mcp.feature import FEATURE as MCP
from backend.metrics.feature import FEATURE as METRICS
from backend.nodes.feature import FEATURE as NODES
from backend.notifications.feature import FEATURE as NOTIFICATIONS
from backend.outputs.feature import FEATURE as OUTPUTS
from backend.overview.feature import FEATURE as OVERVIEW
from backend.presets.feature import FEATURE as PRESETS
from backend.provisioning.feature import FEATURE as PROVISIONING
from backend.settings.feature import FEATURE as SETTINGS
from backend.sources.feature import FEATURE as SOURCES
from backend.storage.feature import FEATURE as STORAGE
from backend.support.feature import FEATURE as SUPPORT
from backend.sync.feature import FEATURE as SYNC
from backend.system.feature import FEATURE as SYSTEM
from backend.templates.feature import FEATURE as TEMPLATES
from backend.web.features import Feature

FEATURES: tuple[Feature, ...] = (
    AUTH,
    ACTIVITY,
    STORAGE,
    SYSTEM,
    SOURCES,
    DOWNLOADS,
    PRESETS,
    SETTINGS,
    NOTIFICATIONS,
    TEMPLATES,
    INPUTS,
    JOBS,
    DOCUMENTS,
    MCP,
    ASSISTANT,
    COMFY_API,
    OUTPUTS,
    PROVISIONING,
    NODES,
    OVERVIEW,
    SYNC,
    SUPPORT,
    METRICS,
    AUTOSTOP,
)
