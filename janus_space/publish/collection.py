"""A collection on the Hub that ties model, dataset and Space together; made once, and completed if it was cut."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

from huggingface_hub import Collection

from janus_space.errors import PublishRefused
from janus_space.publish.hub import Hub, status_of
from janus_space.publish.whoami import check_name

ItemKind = Literal["model", "dataset", "space"]
_KINDS: dict[str, ItemKind] = {"model": "model", "dataset": "dataset", "space": "space"}
DESCRIPTION = "Published together from Janus Space."


class Item(NamedTuple):
    """Something on the Hub."""

    kind: ItemKind
    repo_id: str


def items_of(source: str) -> list[Item]:
    """Read `me/model,dataset:me/data,space:me/space`.

    Raises:
        PublishRefused: a part of it is no name on the Hub
    """
    found = []
    for part in filter(None, (part.strip() for part in source.split(","))):
        kind, colon, name = part.partition(":")
        if colon and kind not in _KINDS:
            raise PublishRefused(f"{part[:100]!r}: write model:, dataset: or space: before a name on the Hub.")
        item = Item(_KINDS[kind] if colon else "model", name if colon else part)
        check_name(item.repo_id)
        found.append(item)
    return list(dict.fromkeys(found))


def tie(hub: Hub, name: str, items: list[Item], is_private: bool) -> dict[str, Any]:
    """Make the collection OWNER/TITLE if the owner has none of that title, and put in what is not in it yet.

    Raises:
        PublishBroken, PublishRefused
    """
    owner, title = name.split("/")
    collection = hub.patiently(
        f"looking for the collection {title}", lambda: _found_or_made(hub, owner, title, is_private)
    )
    for item in items:
        hub.patiently(f"adding {item.repo_id} to {title}", partial(_add, hub, collection.slug, item))
    whole = hub.patiently(f"reading {title} back", lambda: hub.api.get_collection(collection.slug))
    there = {(one.item_type, one.item_id) for one in whole.items}
    lacking = [item.repo_id for item in items if tuple(item) not in there]
    return {"url": whole.url, "slug": whole.slug, "items": len(whole.items), "lacking": lacking}


def _found_or_made(hub: Hub, owner: str, title: str, is_private: bool) -> Collection:
    """Look first: the Hub would make a second one of the same title where the answer to the first was lost."""
    for found in hub.api.list_collections(owner=owner):
        if found.title == title:
            return found
    return hub.api.create_collection(title, namespace=owner, description=DESCRIPTION, private=is_private)


def _add(hub: Hub, slug: str, item: Item) -> None:
    try:
        hub.api.add_collection_item(slug, item.repo_id, item.kind, exists_ok=True)
    except Exception as error:
        if status_of(error) == 404:
            raise PublishRefused(f"There is no {item.kind} {item.repo_id} on {hub.host}: publish it first.") from error
        raise
