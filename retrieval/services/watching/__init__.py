"""Watches: searches that go on by themselves, their alerts, and how these reach people."""
