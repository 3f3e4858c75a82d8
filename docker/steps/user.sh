#!/usr/bin/env bash
# An account without rights, and the folders that become volumes: a new volume takes their owner.
# Usage: user.sh UID
set -euo pipefail
useradd --uid "$1" --create-home --shell /usr/sbin/nologin cdrlake
install --directory --owner cdrlake /var/lib/cdrlake/{lake,mlflow,output,state}
