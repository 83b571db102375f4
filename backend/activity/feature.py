"""Activity as a feature: what happened on this pod, in order."""

from backend.activity import api, pages, sockets
from backend.activity.service import Activity
from backend.activity.sign_ins import record_sign_ins
from backend.activity.store import ActivityStore
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    store = ActivityStore(context.database)
    await store.prepare()
    activity = Activity(store)
    record_sign_ins(activity, context.events)
    context.stack.push_async_callback(activity.close)
    channel = sockets.ActivityChannel()
    return Running(
        services=(activity, channel), channels=(channel,), background=(activity.write, activity.prune)
    )


FEATURE = Feature(name="activity", routers=(api.router, pages.router, sockets.router), start=start)
