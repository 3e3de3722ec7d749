#!/bin/sh
# Healthy once the server answers PONG; REDISCLI_AUTH carries a password, if there is one.
timeout 3 redis-cli -p "${HEALTHCHECK_PORT:-6379}" ping | grep -q PONG
