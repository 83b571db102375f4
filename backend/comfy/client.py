"""One ComfyUI, by topic.

comfy = ComfyClient("http://127.0.0.1:3000", httpx_client)

async with comfy.events.opened():
    prompt_id = comfy.prompts.new_id()
    await comfy.prompts.submit(graph, prompt_id, client_id=comfy.events.client_id)
    async for update in comfy.follow(prompt_id):
        match update:
            case NodeStarted(): …
            case Succeeded(record): …
            case Failed(error=error): …
"""

import httpx

from backend.comfy.event_stream import EventStream
from backend.comfy.files import Files
from backend.comfy.follow import Follower
from backend.comfy.identity import ProcessIdentity
from backend.comfy.model_folders import ModelFolders
from backend.comfy.node_types import NodeTypes
from backend.comfy.prompts import Prompts
from backend.comfy.server_info import ServerInfo
from backend.comfy.timing import Timing
from backend.comfy.transport import Transport
from backend.comfy.user_files import UserFiles


class ComfyClient:
    """Raises `ComfyError`, and nothing else, for what goes wrong at ComfyUI's end."""

    def __init__(
        self,
        base_url: str,
        client: httpx.AsyncClient,
        *,
        client_id: str | None = None,
        timing: Timing | None = None,
    ):
        """`client_id` is who hears the events: give the same one after a restart to hear those of running prompts."""
        timing = timing or Timing()
        transport = Transport(base_url, client, timing)
        self.prompts = Prompts(transport)
        self.files = Files(transport)
        self.process = ProcessIdentity(transport, self.files)
        self.node_types = NodeTypes(transport, self.process)
        self.models = ModelFolders(transport)
        self.server = ServerInfo(transport)
        self.user_files = UserFiles(transport)
        self.events = EventStream(transport.base_url, client_id)
        follower = Follower(self.prompts, self.events, self.process, timing)
        self.follow = follower.follow
        self.wait = follower.wait
