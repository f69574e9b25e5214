"""The vote under the columns: a ballot for every comparison that is asked, and the bar in which it is cast."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from data_gen.hierarchy import Hierarchy
from data_gen.system_message import recover
from janus_space import catalogue
from janus_space.ballots import Ballot, Ballots
from janus_space.comparison import Column, Comparison
from janus_space.errors import VoteRefused
from janus_space.ui import vote_wording
from janus_space.ui.board import Board
from janus_space.ui.form import COLUMN_LETTERS, Form
from janus_space.ui.keyed import live_status
from janus_space.votes import Verdict, VoteBox

VOTER_KEY = "janus-voter-v1"
# A voter's name only tells "mine" from "everyone's" and lets nobody in; it must be readable after a restart.
VOTER_SECRET = "janus-voters-hold-no-secrets"
NAME_VOTER_JS = """(voter) => voter ||
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")"""

# A composed message says each preference in a phrase of at least so many words. Shorter finds, as of an audience, may
# stand in any message.
_PHRASE_WORDS = 6


class VoteView(NamedTuple):
    """The components of the bar."""

    panel: gr.Column
    sentence: gr.HTML
    choices: gr.Row
    columns: list[gr.Button]
    tie: gr.Button
    bad: gr.Button


def build_vote(votes: VoteBox) -> VoteView:
    """Lay out the bar, hidden until there is something to say in it."""
    with gr.Column(visible=False, elem_id="vote") as panel:
        sentence = live_status()
        with gr.Row(visible=False, elem_classes="button-row") as choices:
            columns = [
                gr.Button("", size="sm", elem_classes=["quiet", "choice"], elem_id=f"vote-{number}")
                for number, _ in enumerate(COLUMN_LETTERS, 1)
            ]
            tie = gr.Button("Tie", size="sm", elem_classes=["quiet", "choice"], elem_id="vote-tie")
            bad = gr.Button("All bad", size="sm", elem_classes=["quiet", "choice"], elem_id="vote-bad")
            gr.HTML(vote_wording.hint(votes), elem_id="vote-keys")
    return VoteView(panel, sentence, choices, columns, tie, bad)


class Voting:
    """Issue ballots, cast votes, and show in the bar how things stand."""

    def __init__(self, view: VoteView, votes: VoteBox, hierarchy: Hierarchy) -> None:
        self.view = view
        self.ballots = Ballots(votes)
        self.hierarchy = hierarchy

    @property
    def outputs(self) -> list[Any]:
        view = self.view
        return [view.panel, view.sentence, view.choices, *view.columns, view.bad]

    def ballot(self, board: Board, form: Form, browser_voter: Any, hides: bool) -> Ballot:
        """Issue the ballot for what the form asks next; run the comparison that it shows.

        A conversation is blind from its first turn or not at all: who has seen whose answer is whose knows it.
        """
        voter, earlier = voter_name(browser_voter), board.answered_turns()
        asked = form.comparison(earlier)
        if not board.is_blind:
            return self._issued(asked, voter, is_blind=hides and not earlier)
        shown = board.comparison.columns if board.comparison else ()
        if sorted(asked.columns, key=repr) != sorted(shown, key=repr):
            raise VoteRefused(
                "In a blind conversation the columns stay as they are: vote first, or begin a new conversation."
            )
        return self.ballots.follow_up(board.ballot_id, voter, asked.model_copy(update={"columns": shown}))

    def ballot_of_retry(self, comparison: Comparison, browser_voter: Any) -> Ballot:
        """Issue a new ballot for a comparison of which one column is asked again; its columns are in view."""
        return self._issued(comparison, voter_name(browser_voter), is_blind=False)

    async def cast(self, verdict: Verdict, board: Board, browser_voter: Any) -> None:
        """Count the vote, and let the page tell who is who."""
        voter = voter_name(browser_voter)
        await asyncio.to_thread(self.ballots.vote, board.ballot_id, voter, verdict, board.judged_answers())
        board.verdict = verdict
        if board.is_blind:
            board.reveal([identity.asked for identity in self.ballots.reveal(board.ballot_id, voter)])

    def show(self, board: Board) -> dict[Any, Any]:
        """Say how the vote stands, and offer what can be chosen."""
        view = self.view
        sentence = vote_wording.stand(board)
        answers = board.judged_answers()
        can_vote = all(answers) and bool(answers) and board.verdict is None and bool(board.ballot_id)
        names = [vote_wording.column_name(column, board.is_blind) for column in range(len(view.columns))]
        rank = "better" if len(answers) == 2 else "best"
        shown = {
            button: gr.update(value=f"{names[column]} is {rank}", visible=column < len(answers))
            for column, button in enumerate(view.columns)
        }
        return {
            view.panel: gr.update(visible=bool(sentence)),
            view.sentence: sentence,
            view.choices: gr.update(visible=can_vote),
            **shown,
            view.bad: gr.update(value="Both bad" if len(answers) == 2 else "All bad"),
        }

    def _issued(self, comparison: Comparison, voter: str, *, is_blind: bool) -> Ballot:
        names = model_names(comparison.columns)
        preferences = [self._preferences(column.system) for column in comparison.columns]
        make = Ballot.shuffled if is_blind else Ballot.in_the_open
        return self.ballots.issue(make(comparison, voter, names, preferences))

    def _preferences(self, system: str | None) -> Mapping[str, str]:
        """Find again which preferences a system message was composed from: id to dimension."""
        leaves = self.hierarchy.leaves
        text = system or ""
        found = recover(text, list(leaves.values()))
        composed = [span.preference_id for span in found if len(text[span.start : span.end].split()) >= _PHRASE_WORDS]
        return {name: leaves[name].dimension for name in composed}


def voter_name(browser_voter: Any) -> str:
    """Name a voter opaquely: what the browser keeps is not to be found in the file of votes."""
    if not isinstance(browser_voter, str) or not 16 <= len(browser_voter) <= 64:
        return secrets.token_hex(16)  # a script that gives no name may ask, and has no vote
    return hashlib.sha256(f"{VOTER_KEY}:{browser_voter}".encode()).hexdigest()[:32]


def model_names(columns: Sequence[Column]) -> list[str]:
    """Give each column's model by the name that people know it by."""
    known = {entry.spec: entry.name for entry in catalogue.entries()}
    return [known.get(column.model, column.model) for column in columns]
