"""Kafka: events of topics in, findings into a topic, each once.

``settings`` reads the configuration file, ``clients`` makes the clients, ``topic_limits`` asks what
topics take. ``messages`` turns a poll into lines and back, ``message_detector`` runs the detectors
that ``partition_detectors`` chooses, ``output`` makes messages of their verdicts. ``state`` keeps
snapshots in a topic. ``delivery`` commits a ``batch`` with its offsets. ``runner`` is the loop. It
needs ``illshell[kafka]``.
"""
