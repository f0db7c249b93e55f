"""KFP components: one folder per stage, each a signature over one `swift_lib` command."""
