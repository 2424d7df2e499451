"""What roles remember of their answers: within one bound for all of them, those that are not asked for forgotten first."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from threading import Lock
from typing import Any, Final

from gateway.authorization.metadata import ClusterMetadata

MAX_REMEMBERED_BYTES: Final = 1 << 26
"""That all answers in the process take together, roughly."""
_ENTRY_BYTES: Final = 500


class _Answer:
    __slots__ = ("answer", "memory", "metadata", "question", "size", "used")

    def __init__(self, memory: Memory, metadata: ClusterMetadata, question: Hashable, answer: Any, size: int) -> None:
        self.memory = memory
        self.metadata = metadata
        self.question = question
        self.answer = answer
        self.size = size
        self.used = False


class Store:
    """The bound for several memories. All of them are about one state of the cluster: another makes them forget, so that nothing keeps an
    old one alive."""

    def __init__(self, limit: int = MAX_REMEMBERED_BYTES) -> None:
        self.limit = limit
        self._about: ClusterMetadata | None = None
        self._answers: deque[_Answer] = deque()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def put(self, answer: _Answer) -> None:
        if answer.size > self.limit:
            return
        with self._lock:
            if self._about is not answer.metadata:
                self._about = answer.metadata
                for old in self._answers:
                    old.memory.answers.clear()
                self._answers.clear()
                self._bytes = 0
            if answer.question in answer.memory.answers:
                return
            answer.memory.answers[answer.question] = answer
            self._answers.append(answer)
            self._bytes += answer.size
            while self._bytes > self.limit:
                oldest = self._answers.popleft()
                if oldest.used:  # since it was last looked at here
                    oldest.used = False
                    self._answers.append(oldest)
                else:
                    oldest.memory.answers.pop(oldest.question, None)
                    self._bytes -= oldest.size


_SHARED: Final = Store()


class Memory:
    """The answers of one role, which no other gets to see."""

    __slots__ = ("_store", "answers")

    def __init__(self, store: Store = _SHARED) -> None:
        self._store = store
        self.answers: dict[Hashable, _Answer] = {}

    def get(self, metadata: ClusterMetadata, question: Hashable) -> Any:
        found = self.answers.get(question)
        if found is None or found.metadata is not metadata:
            return None
        found.used = True
        return found.answer

    def put(self, metadata: ClusterMetadata, question: Hashable, answer: Any, size: int) -> None:
        """``size``: how many bytes question and answer take, roughly."""
        self._store.put(_Answer(self, metadata, question, answer, size + _ENTRY_BYTES))
