// The crop box over a query picture: drawn, moved and resized by pointer or keys; tells the form fractions of the picture.
import { all, one } from "./dom.js"

const LEAST = 0.04
const STEP = 0.02
const boxes = new WeakMap()

export const start = () => {}

export const enliven = (root) => {
  for (const crop of all("[data-crop]", root)) if (!boxes.has(crop)) boxes.set(crop, new Crop(crop))
}

// Forget the box of whatever is being cropped in this form, without asking again.
export const whole = (form) => all("[data-crop]", form).forEach((crop) => boxes.get(crop)?.clear())

class Crop {
  constructor(element) {
    this.element = element
    this.form = element.closest("form")
    this.sides = Object.fromEntries(all("[data-side]", this.form).map((input) => [input.name, input]))
    this.box = one("[data-box]", this.form).content.firstElementChild.cloneNode(true)
    this.region = this.fromForm()
    element.append(this.box)
    this.fit(one("img", element))
    element.addEventListener("pointerdown", (event) => this.grab(event))
    this.box.addEventListener("keydown", (event) => this.key(event))
    this.draw()
  }

  // The exact ratio, from which the style sheet takes the width; a stored picture's is known before it loads.
  fit(image) {
    const fit = (width, height) => this.element.style.setProperty("--ar", width / height)
    const known = image.getAttribute("width")
    if (known) fit(known, image.getAttribute("height"))
    else image.addEventListener("load", () => fit(image.naturalWidth, image.naturalHeight), { once: true })
  }

  fromForm() {
    const [x, y, w, h] = ["x", "y", "w", "h"].map((name) => parseFloat(this.sides[name].value))
    return w && h ? { x: x || 0, y: y || 0, w, h } : null
  }

  draw() {
    const { box, region } = this
    one("[data-whole]", this.form).hidden = !region
    const { x, y, w, h } = region ?? { x: 0, y: 0, w: 1, h: 1 }
    Object.assign(box.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` })
    box.style.opacity = region ? "1" : ""
    box.classList.toggle("none", !region)
  }

  clear() {
    this.set(null)
  }

  set(region) {
    this.region = region
    for (const [name, input] of Object.entries(this.sides)) input.value = region ? region[name].toFixed(4) : ""
    this.draw()
  }

  asked() {
    this.form.requestSubmit()
  }

  at(event) {
    const area = this.element.getBoundingClientRect()
    const within = (value) => Math.min(1, Math.max(0, value))
    return [within((event.clientX - area.left) / area.width), within((event.clientY - area.top) / area.height)]
  }

  grab(event) {
    if (event.button) return
    event.preventDefault()
    const [x, y] = this.at(event)
    const corner = event.target.dataset?.corner
    const move = !corner && this.region && this.box.contains(event.target) ? this.moving(x, y) : this.sizing(corner, x, y)
    const before = JSON.stringify(this.region)
    this.element.setPointerCapture(event.pointerId)
    const follow = (next) => this.set(move(...this.at(next)))
    const end = () => {
      this.element.removeEventListener("pointermove", follow)
      if (this.region && (this.region.w < LEAST || this.region.h < LEAST)) this.set(JSON.parse(before))
      this.box.focus({ preventScroll: true })
      if (JSON.stringify(this.region) !== before) this.asked()
    }
    this.element.addEventListener("pointermove", follow)
    this.element.addEventListener("lostpointercapture", end, { once: true })
  }

  moving(fromX, fromY) {
    const { x, y, w, h } = this.region
    return (toX, toY) => ({ x: clamp(x + toX - fromX, w), y: clamp(y + toY - fromY, h), w, h })
  }

  // A corner keeps the opposite one in its place; without a corner a new box is drawn from here.
  sizing(corner, fromX, fromY) {
    const { x, y, w, h } = this.region ?? { x: 0, y: 0, w: 1, h: 1 }
    const [ax, ay] = corner ? [corner.includes("w") ? x + w : x, corner.includes("n") ? y + h : y] : [fromX, fromY]
    return (toX, toY) => ({ x: Math.min(ax, toX), y: Math.min(ay, toY), w: Math.abs(toX - ax), h: Math.abs(toY - ay) })
  }

  key(event) {
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key]
    if (event.key === "Escape" && this.region) this.set(null)
    else if (step) this.set(this.stepped(step, event.shiftKey))
    else return
    event.preventDefault()
    event.stopPropagation()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.asked(), 400)
  }

  stepped([dx, dy], resize) {
    const { x, y, w, h } = this.region ?? { x: 0.1, y: 0.1, w: 0.8, h: 0.8 }
    if (!resize) return { x: clamp(x + dx, w), y: clamp(y + dy, h), w, h }
    return { x, y, w: Math.min(1 - x, Math.max(LEAST, w + dx)), h: Math.min(1 - y, Math.max(LEAST, h + dy)) }
  }
}

const clamp = (start, length) => Math.min(1 - length, Math.max(0, start))
