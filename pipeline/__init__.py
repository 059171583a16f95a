"""The verbs: curate, build, rebuild, run; composed of the rooms below."""
