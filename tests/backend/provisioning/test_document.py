"""A document is read, and its mistakes are named with their lines."""

import pytest

from backend.provisioning.document import MAX_BYTES, BadDocument, node_name_of, read_document
from backend.provisioning.models import Kind
from backend.provisioning.steps import steps_of

COMMIT = "6ea2651e7df66d7585f6ffee804b20e92fb38b8a"
SHA256 = "ab" * 32
WHOLE = f"""\
apt: [libgl1, ffmpeg=7:7.1-1]
pip:
  - gguf==0.17.1
nodes:
  - repository: https://github.com/city96/ComfyUI-GGUF.git
    commit: {COMMIT}
  - {{repository: "git@github.com:me/mine", commit: {COMMIT}, name: Mine}}
presets:
  - flux1-schnell
  - {{id: sd15-all, allow_pickle: true}}
files:
  - url: https://example.com/style.safetensors
    destination: models/loras/styles/style.safetensors
    sha256: {SHA256}
environment:
  TILE_SIZE: 512
  FAST: true
"""


def test_every_part_becomes_a_step_in_the_order_of_use() -> None:
    steps = steps_of(read_document(WHOLE.encode()))
    assert [(step.kind, step.title) for step in steps] == [
        (Kind.ENVIRONMENT, "TILE_SIZE, FAST"),
        (Kind.APT, "libgl1, ffmpeg=7:7.1-1"),
        (Kind.PIP, "gguf==0.17.1"),
        (Kind.NODE, "ComfyUI-GGUF at 6ea2651e7d"),
        (Kind.NODE, "Mine at 6ea2651e7d"),
        (Kind.PRESET, "flux1-schnell"),
        (Kind.PRESET, "sd15-all"),
        (Kind.FILE, "loras/styles/style.safetensors"),
    ]
    assert steps[0].content == {"TILE_SIZE": "512", "FAST": "true"}


def test_a_step_changes_with_its_own_part_alone() -> None:
    before = {step.key: step.digest for step in steps_of(read_document(WHOLE.encode()))}
    after = {
        step.key: step.digest for step in steps_of(read_document(WHOLE.replace("0.17.1", "0.18").encode()))
    }
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == ["pip"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "line 1: Write a mapping with some of these keys: `apt`, `pip`, `nodes`"),
        ("- a\n", "line 1: Write a mapping"),
        ("apt: [a\n", "line 2: This is not YAML"),
        ("pip: [a]\npipe: [b]\n", "line 2: `pipe` is unknown. Known here: `apt`, `pip`"),
        ("apt: libgl1\n", "line 1: `apt` must be a list: one line with `- ` for each item."),
        ("apt: ['lib gl1']\n", "`apt[0]` must be the name of a Debian package"),
        ("apt: ['--allow-downgrades']\n", "`apt[0]` must be the name of a Debian package"),
        ("pip: ['--index-url=x']\n", "`pip[0]` must be one requirement"),
        ("pip: [1.5]\n", "`pip[0]` must be text; put it in quotes."),
        (
            "files:\n- url: https://a/b\n  destination: loras/b.safetensors\n",
            "line 2: `files[0].sha256` is missing.",
        ),
        (
            f"files:\n- {{url: 'file:///etc', destination: loras/b, sha256: {SHA256}}}\n",
            "`files[0].url` must begin with https:// or http://",
        ),
        (
            f"files:\n- {{url: 'http://a', destination: ../b, sha256: {SHA256}}}\n",
            "'..' is not a model folder",
        ),
        (
            f"files:\n- {{url: 'http://a', destination: b, sha256: {SHA256}}}\n",
            "write FOLDER/NAME below the models",
        ),
        (
            "nodes:\n- {repository: 'https://a/b', commit: main}\n",
            "must be a full commit id of 40 hex digits",
        ),
        (
            "nodes:\n- {repository: 'https://a/b', commmit: main}\n",
            "`nodes[0].commmit` is unknown. Known here: `repository`",
        ),
        (
            f"nodes:\n- {{repository: '--upload-pack=x', commit: {COMMIT}}}\n",
            "write the address of a git repository",
        ),
        (f"nodes:\n- {{repository: 'https://u:p@a/b', commit: {COMMIT}}}\n", "take the password out"),
        (
            f"nodes:\n- {{repository: 'https://a/b', commit: {COMMIT}, name: ../x}}\n",
            "give a `name` of letters, digits",
        ),
        ("presets: [a1, a1]\n", "`presets[1]` is a1 a second time."),
        ("environment: {PATH: /x}\n", "PATH belongs to the pod itself"),
        ("environment: {'a b': x}\n", "'a b' is not the name of a variable"),
        ("environment: [a]\n", "`environment` must be a mapping of names to values."),
        ("a: &x [1]\nb: *x\n", "anchors and aliases are not supported"),
        (f"apt: [{'a,' * MAX_BYTES}]\n", "The document has more than 256 KiB."),
    ],
)
def test_a_mistake_is_explained(text: str, mistake: str) -> None:
    with pytest.raises(BadDocument) as caught:
        read_document(text.encode())
    assert mistake in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["https://github.com/o/Name.git", "git@github.com:o/Name", "ssh://git@host/Name/", "git@host:Name.git"],
)
def test_a_node_gets_the_folder_that_git_would_choose(address: str) -> None:
    assert node_name_of(address) == "Name"


def test_empty_keys_are_no_mistakes() -> None:
    assert steps_of(read_document(b"apt:\npip: []\nenvironment:\n")) == []
