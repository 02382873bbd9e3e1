"""Fine-tuning with PaddleFormers: the pre-flight check, the plug-in, the launch, the tiny model."""
