// What the admin site's attributes say that Alpine.js cannot read without eval: functions by their global names, and a few
// expressions of several statements. Loaded before Alpine, which asks for this when it starts.

// An attribute's text -> what is read in its place; the functions are those of `frame`.
const INSTEAD = {
  "activeTab && activeTab !== 'general' ? window.location.pathname + window.location.search + '#' + activeTab : window.location.pathname + window.location.search":
    "formAction()",
  "window.location.href = $el.href + window.location.hash": "follow($el)",
  "sidebarDesktopOpen = !sidebarDesktopOpen; localStorage.setItem('sidebarDesktopOpen', sidebarDesktopOpen ? '1' : '0');":
    "sidebarDesktopOpen = !sidebarDesktopOpen",
  "if (!$event.metaKey && !$event.ctrlKey) selectItem(false, false)": "$event.metaKey || $event.ctrlKey || selectItem(false, false)",
  "'width: ' + changeListWidth + 'px'": "{ width: changeListWidth + 'px' }", // a text would become a style attribute
}

// The page as a whole: which tab is open, and whether the sidebar is, as this browser remembers it.
const frame = () => ({
  activeTab: "",
  sidebarMobileOpen: false,
  sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
  openTab(usual) {
    this.activeTab = (usual && getCurrentTab()) || usual
    this.$watch("sidebarDesktopOpen", (open) => localStorage.setItem("sidebarDesktopOpen", open ? "1" : "0"))
  },
  formAction() {
    const { pathname, search } = window.location
    return pathname + search + (this.activeTab && this.activeTab !== "general" ? `#${this.activeTab}` : "")
  },
  follow(link) {
    window.location.href = link.href + window.location.hash
  },
})

const readable = ({ name, value }) => {
  if (value in INSTEAD) return { name, value: INSTEAD[value] }
  if (!String(value).includes("localStorage.")) return { name, value } // Alpine's own may be functions
  const [, usual] = value.match(/activeTab = .*'(.*)';/) ?? []
  return { name, value: name === "x-data" ? "frame()" : `openTab('${usual}')` }
}

document.addEventListener("alpine:init", () => {
  Alpine.mapAttributes(readable)
  for (const [name, value] of Object.entries({ theme, searchForm, searchCommand, frame })) Alpine.data(name, value)
})
