// Judging by keys: whatever names a key is pressed by it; a key that is held down counts once.
import { all, plainKey, typing } from "./dom.js"

document.addEventListener("keydown", (event) => {
  if (!plainKey(event) || event.repeat || typing(event.target)) return
  const pressed = all("[data-key]").find((control) => control.dataset.key === event.key.toLowerCase())
  if (!pressed) return
  event.preventDefault()
  pressed.click()
})
