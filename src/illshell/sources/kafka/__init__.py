"""Kafka: events of topics in, findings into a topic, each once.

``settings`` reads the configuration file, ``messages`` turns what a poll gave into lines and back,
``judging`` makes records of what the rule says, ``delivery`` brings them to Kafka together with
the offsets, ``runner`` is the loop. It needs ``illshell[kafka]``.
"""
