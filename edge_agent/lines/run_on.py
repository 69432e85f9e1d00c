"""Procedures on a line of one's own: tools and tests, where nobody else is asked meanwhile."""

from __future__ import annotations

from concurrent.futures import Future

from edge_agent.drivers.procedure import Ask, Pause, Procedure, R, Speed
from edge_agent.lines.exchange import ExchangeTiming
from edge_agent.lines.line import Line
from edge_agent.lines.running import Running
from edge_agent.lines.schedule import Priority
from protocol.errors import NoReply, Refused, UnexpectedReply, WireError


def run_on(line: Line, procedure: Procedure[R], timing: ExchangeTiming, bits_per_byte: int = 11) -> R:
    """Carry a procedure out and return its result; raise what it raises, or LineError. The line has its own speed again behind it.

    `bits_per_byte`: for the pace after a change of speed.
    """
    future: Future[R] = Future()
    running = Running("", Priority.CONTROL, lambda: procedure, future)
    running.begin()
    try:
        while running.step is not None:
            _take_step(line, running, timing, bits_per_byte)
    finally:
        procedure.close()
        line.set_speed(None)
    return future.result(0)


def _take_step(line: Line, running: Running, timing: ExchangeTiming, bits_per_byte: int) -> None:
    try:
        match running.step:
            case Ask(transaction):
                running.answer(line.exchange(transaction, timing).reply)
            case Pause(seconds):
                line.pause(seconds)
                running.answer()
            case Speed(baud):
                line.set_speed(baud, bits_per_byte / baud)
                running.answer()
    except (NoReply, UnexpectedReply, WireError, Refused) as error:
        running.fail(error)
