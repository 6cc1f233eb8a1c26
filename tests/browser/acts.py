"""What people do with files in a window: dropping, pasting, choosing."""

from __future__ import annotations

import base64
import re

from tests.web.library import png

DROP = """(files) => {
  const data = new DataTransfer()
  for (const { name, content } of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
    data.items.add(new File([bytes], name, { type: "image/png" }))
  }
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }))
  }
}"""
PASTE = (
    DROP.split("for (const type", maxsplit=1)[0]
    + """
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))
}"""
)


def files(**contents):
    return [{"name": f"{name}.png", "content": base64.b64encode(data).decode()} for name, data in contents.items()]


def drop(window, **contents):
    window.evaluate(DROP, files(**contents))


def paste(window, **contents):
    window.evaluate(PASTE, files(**contents))


def choose(window, colour="red", **options):
    """Choose a file in the search form and wait for the answer."""
    data = png(colour, **options)
    window.set_input_files("#file", {"name": "query.png", "mimeType": "image/png", "buffer": data})
    window.wait_for_selector("#line")


def shown(window):
    """The titles of the cards, in their order."""
    labels = window.eval_on_selector_all("[data-card]", "cards => cards.map(card => card.getAttribute('aria-label'))")
    return [re.sub(r", score .*", "", label) for label in labels]


def two_colours():
    """A picture whose left half is red and whose right half is blue."""
    import io

    from PIL import Image as Pillow

    image = Pillow.new("RGB", (200, 100), (220, 20, 30))
    image.paste((30, 40, 210), (100, 0, 200, 100))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
