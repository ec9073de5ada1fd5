"""What Ray Serve is to run for a home's models, as its configuration file says it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from themis.bundles.bundle import Bundle
from themis.config import EngineConfig
from themis.core.spelling import shown
from themis.engine.afar import PORT, share

_MOST_REPLICAS: Final = 8
_WAITING: Final = 4
"""Calls that a replica has at most, for a model that reads many as rows: the next run is at hand when one is over."""


def serve_config(bundles: Sequence[Bundle], engine: EngineConfig) -> dict[str, Any]:
    """One application for each model, so that a change of one leaves the others alone."""
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": PORT},  # noqa: S104 (other machines ask)
        "applications": [_application(bundle, engine) for bundle in bundles],
    }


def _application(bundle: Bundle, engine: EngineConfig) -> Mapping[str, Any]:
    id_ = shown(bundle.manifest_hash)
    waiting = 1 if share(bundle) == 1 else _WAITING
    return {
        "name": f"{bundle.name}-{id_[2:10]}",
        "route_prefix": f"/{id_}",
        "import_path": "themis.engine.replica:app",
        "args": {
            "path": str(bundle.path.resolve()),
            "manifest_hash": id_,
            "threads": engine.threads,
            "request_seconds": engine.request_seconds,
            "request_memory_mib": engine.request_memory_mib,
        },
        "deployments": [
            {
                "name": "Model",
                "max_ongoing_requests": waiting,
                "autoscaling_config": {
                    "min_replicas": 1,
                    "max_replicas": _MOST_REPLICAS,
                    "target_ongoing_requests": max(1, waiting / 2),
                },
                "ray_actor_options": {"num_cpus": engine.threads},
            }
        ],
    }
