"""What the pages ask of people: the shape of each form, checked before a service is called."""

from __future__ import annotations

from django.forms import Form

from retrieval.errors import InvalidInput


def refusal(form: Form) -> InvalidInput:
    """Return what is wrong with a form as one error: its first sentence, and all of them by field."""
    fields = {name: [error["message"] for error in errors] for name, errors in form.errors.get_json_data().items()}
    name = next(iter(fields))
    label = form.fields[name].label if name in form.fields else None
    return InvalidInput(f"{label}: {fields[name][0]}" if label else fields[name][0], fields=fields)
