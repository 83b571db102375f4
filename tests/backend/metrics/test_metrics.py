"""Prometheus scrapes the pod."""

import re

from backend.web.metrics import MAX_SERIES, Metrics
from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

COMMENT = re.compile(r"# (HELP|TYPE) comfypod_[a-z_]+ .+")
SAMPLE = re.compile(r'comfypod_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')


def test_a_histogram_counts_what_is_below_each_limit() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.02, 99):
        metrics.observe("x_seconds", "X.", seconds, route='a"b\n')
    lines = list(metrics.render())
    assert lines[:3] == [
        "# HELP x_seconds X.",
        "# TYPE x_seconds histogram",
        'x_seconds_bucket{route="a\\"b\\n",le="0.005"} 1',
    ]
    assert 'x_seconds_bucket{route="a\\"b\\n",le="0.025"} 2' in lines
    assert lines[-3:] == [
        'x_seconds_bucket{route="a\\"b\\n",le="+Inf"} 3',
        'x_seconds_sum{route="a\\"b\\n"} 99.021',
        'x_seconds_count{route="a\\"b\\n"} 3',
    ]


def test_names_without_end_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(2 * MAX_SERIES):
        metrics.count("x_total", "X.", name=str(number))
    assert len(list(metrics.render())) == MAX_SERIES + 2


async def test_the_pod_is_scraped_with_a_key_that_may_read(pod: ControlPlane, hub: Hub) -> None:
    url = hub.url_of(hub.add("acme/models", "tulip.safetensors", safetensors(2000)))
    transfer = await pod.download(url=url, folder="loras")
    await pod.finished(transfer["id"])
    await pod.client.put("/api/price", json={"per_hour": 1, "currency": "EUR"})
    await pod.client.get("/api/system")
    await pod.client.get(f"/api/downloads/{transfer['id']}")
    async with pod.anonymous() as stranger:
        assert (await stranger.get("/metrics")).status_code == 401
    async with pod.anonymous(**{"X-API-Key": await pod.create_key("read")}) as prometheus:
        response = await prometheus.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    assert [line for line in lines if not (COMMENT.fullmatch(line) or SAMPLE.fullmatch(line))] == []
    assert 'comfypod_downloads_ended_total{state="done"} 1' in lines
    assert 'comfypod_downloads{state="done"} 1' in lines
    assert any(line.startswith('comfypod_session_cost{currency="EUR"} ') for line in lines)
    assert any(line.startswith("comfypod_disk_free_bytes ") for line in lines)
    route = 'method="GET",route="/api/downloads/{transfer_id}",status="2xx",le="+Inf"'
    assert any(route in line for line in lines), [line for line in lines if "downloads/" in line]
    assert transfer["id"] not in response.text
