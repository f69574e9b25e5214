"""How a vote stands, in words. All of it is HTML made here, with every foreign text escaped."""

from __future__ import annotations

from html import escape

from janus_space.comparison import ColumnEvent
from janus_space.hub_votes import HubVotes
from janus_space.ui.board import Board
from janus_space.ui.form import COLUMN_LETTERS
from janus_space.votes import Verdict, VoteBox

KEYS = "Keys: <kbd>1</kbd> <kbd>2</kbd> … for a column, <kbd>t</kbd> for a tie, <kbd>b</kbd> for bad."
SHUFFLED = "The answers are shuffled, and nameless until you vote: 1 need not be A."
MISSING = "Voting is off: a column has no answer to judge."
_OUT_OF_BLIND = "Edit the question and run it again; without “Hide which is which” the page tells what went wrong."


def column_name(column: int, is_blind: bool) -> str:
    """Name a column as the page does: by number while nobody is to know which it is, else by letter."""
    return str(column + 1) if is_blind else COLUMN_LETTERS[column]


def heading(board: Board, column: int) -> str:
    """Head a column; after a blind vote, with the place in which it was shown."""
    name = column_name(column, board.is_blind)
    places, badges = board.shown_places, []
    if column < len(places):
        badges.append(f"was {places[column] + 1}")
    if chosen(board) == column:
        badges.append("your choice")
    marks = "".join(f"<span class='badge place'>{badge}</span>" for badge in badges)
    return f"<h2><span class='visually-hidden'>Column </span>{name}</h2>{marks}<span class='badge'>Modified</span>"


def chosen(board: Board) -> int | None:
    """Tell which column was voted the best, by its present place."""
    if not isinstance(board.verdict, int):
        return None
    return board.shown_places.index(board.verdict) if board.shown_places else board.verdict


def blind_status(event: ColumnEvent, is_busy: bool) -> str:
    """Say how far a column has come and nothing that tells it from the others: they all end at once."""
    if is_busy:
        return "<p class='status-line streaming'>answering…</p>"
    words = {"failed": "could not answer", "stopped": "stopped by you"}.get(event.state, "finished")
    return f"<p class='status-line {event.state}'>{words}</p>"


def stand(board: Board) -> str:
    """Say what can be voted on, or what was voted; empty where there is nothing to vote on."""
    if board.verdict is not None:
        return _line(_outcome(board, board.verdict))
    if board.is_blind:
        return _line(_blind(board), "is-blind")
    if board.is_busy or not board.run_ids or not board.ballot_id:
        return ""
    return _line(_question(board) if all(board.judged_answers()) else MISSING)


def hint(votes: VoteBox) -> str:
    """Name the keys, and say what becomes of a vote before it is cast."""
    where = f"in the dataset {escape(votes.repo_id)} on the Hub" if isinstance(votes, HubVotes) else "on this server"
    return f"<p class='hint'>{KEYS} A vote is kept {where}, with the question and the answers.</p>"


def _blind(board: Board) -> str:
    if board.is_busy or not board.run_ids:
        return SHUFFLED
    return f"{_question(board)} {SHUFFLED}" if all(board.judged_answers()) else f"{MISSING} {_OUT_OF_BLIND}"


def _question(board: Board) -> str:
    return "Which answer is better?" if len(board.judged_answers()) == 2 else "Which answer is best?"


def _outcome(board: Board, verdict: Verdict) -> str:
    """Say what was chosen and, after a blind vote, which column each number stood for."""
    column = chosen(board)
    if column is None:
        said = "You called it a tie." if verdict == "tie" else "You found every answer bad."
    elif board.shown_places:
        said = f"You chose {board.shown_places[column] + 1}, which is {COLUMN_LETTERS[column]}."
    else:
        said = f"You chose {COLUMN_LETTERS[column]}."
    if not board.shown_places:
        return said
    places = sorted((place, COLUMN_LETTERS[index]) for index, place in enumerate(board.shown_places))
    told = ", ".join(f"{place + 1} was {letter}" for place, letter in places)
    return f"{said} {told}. They are known now: the next blind vote takes a new conversation."


def _line(sentence: str, state: str = "") -> str:
    return f"<p class='vote-line {state}'>{sentence}</p>"
