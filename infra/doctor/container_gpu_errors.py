"""The words with which a container ends that does not get its GPU."""

from infra.host.container_gpu import Obstacle

GPU_ERRORS = {
    Obstacle.NO_TOOLKIT: 'could not select device driver "nvidia" with capabilities: [[gpu]]',
    # Measured on Engine 20.10, with a hook put on a running daemon's PATH.
    Obstacle.NOT_RESTARTED: 'could not select device driver "nvidia" with capabilities: [[gpu]]',
    # https://github.com/HaveAGitGat/Tdarr/issues/1423, containers/podman issue 23935
    Obstacle.STALE_CDI: "CDI device injection failed, or no such file or directory",
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/139
    Obstacle.NEEDS_NO_CGROUPS: "failed to add device rules: ... operation not permitted",
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
    Obstacle.NO_CGROUPS: "Failed to initialize NVML: Unknown Error",
}
