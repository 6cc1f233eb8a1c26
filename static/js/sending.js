// One file to the server, with its progress; a broken connection or a busy server is tried again, ever more slowly.
import { say } from "./dom.js"

const TRIES = 6
const JSON_PLEASE = "application/json"

// Return what became of the file: {state, message, id, collection}.
export const send = async (url, body, { token, progress, trouble }) => {
  for (let attempt = 1; ; attempt += 1) {
    const { status, answer, wait } = await post(url, body(), { token, progress })
    if (status === 200) return answer
    if (status === 401) location.reload()
    const passing = status === 0 || status === 429 || status >= 500
    const message = answer?.error?.message ?? say("network")
    if (!passing || attempt === TRIES) return { state: "refused", message }
    trouble()
    await new Promise((done) => setTimeout(done, 1000 * (wait || 2 ** attempt)))
  }
}

const post = (url, body, { token, progress }) =>
  new Promise((done) => {
    const request = new XMLHttpRequest()
    const answered = () =>
      done({ status: request.status, answer: parsed(request.responseText), wait: Number(request.getResponseHeader("Retry-After")) })
    request.open("POST", url)
    request.setRequestHeader("X-CSRFToken", token)
    request.setRequestHeader("Accept", JSON_PLEASE)
    request.upload.addEventListener("progress", (event) => event.total && progress(event.loaded / event.total))
    request.addEventListener("loadend", answered)
    request.send(body)
  })

const parsed = (text) => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

// Ask for JSON; null when there is no answer now.
export const ask = async (url, { body, token }) => {
  const headers = { Accept: JSON_PLEASE, ...(token && { "X-CSRFToken": token }) }
  const response = await fetch(url, { method: body ? "POST" : "GET", body, headers }).catch(() => null)
  return response?.ok ? response.json() : null
}
