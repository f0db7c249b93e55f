"""KFP pipelines: wiring, resources and parameters; what a stage does is in `swift_lib`."""
