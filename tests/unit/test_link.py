"""The relay that makes a network worse: what each condition does to a connection through it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.faults.network import HOST, WELL, Condition, Link
from cdrlake.services.ports import free_ports


@pytest.fixture
def link() -> Iterator[Link]:
    """A link to a server that sends back what it gets."""
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        made = Link(free_ports(1)[0], server.getsockname()[1])
        made.start()
        yield made
        made.stop()


def _echo(server: socket.socket) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(client,), daemon=True).start()


def _answer(client: socket.socket) -> None:
    with client:
        try:
            while said := client.recv(4096):
                client.sendall(said)
        except OSError:
            return


def connected(link: Link) -> socket.socket:
    """A connection through the link, over which one word came back."""
    client = socket.create_connection((HOST, link.port), timeout=30)
    assert _said(client, b"hello") == b"hello"
    return client


def _said(client: socket.socket, word: bytes) -> bytes:
    client.sendall(word)
    return client.recv(4096)


def test_a_good_network_hurts_no_connection(link: Link) -> None:
    """What the server says arrives, in both directions, and nothing is counted."""
    with connected(link):
        assert link.touched == 0


@pytest.mark.parametrize("condition", [Condition(delay_s=0.1), Condition(bytes_per_s=1_000)])
def test_a_slow_network_delivers_all_the_same(link: Link, condition: Condition) -> None:
    """Delay and little bandwidth change no byte."""
    with connected(link) as client:
        link.change(condition)
        assert _said(client, b"later") == b"later"
        assert link.touched > 0


def test_each_change_for_the_worse_counts_once_for_a_connection(link: Link) -> None:
    """A connection that has felt one condition feels the next one, too."""
    with connected(link) as client:
        for condition in (Condition(delay_s=0.01), WELL, Condition(bytes_per_s=10_000)):
            before = link.touched
            link.change(condition)
            assert _said(client, b"on") == _said(client, b"on") == b"on"
            # The two directions of a connection count alone.
            assert link.touched - before == (0 if condition == WELL else 2)


def test_a_reset_ends_each_open_connection(link: Link) -> None:
    """The client learns at once, and the next connection is good."""
    with connected(link) as client:
        link.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert link.touched == 1
    connected(link).close()


def test_a_silent_network_says_nothing_until_it_is_well(link: Link) -> None:
    """Bytes vanish without a word; a connection that lost some is reset, never resumed."""
    with connected(link) as client:
        link.change(Condition(silent=True))
        client.sendall(b"lost")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(30)
        link.change(WELL)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    connected(link).close()


def test_a_closed_network_resets_old_and_new_connections(link: Link) -> None:
    """Until it is opened again."""
    with connected(link) as client:
        link.change(Condition(closed=True))
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connected(link)
    assert link.touched == 2
    link.change(WELL)
    connected(link).close()
