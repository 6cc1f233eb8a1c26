"""How well encoders find, by labels and by judgements."""
