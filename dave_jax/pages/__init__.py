"""Pages that open by double-click: no server, no network, no build step.

Templates (Jinja2, everything escaped), scripts and styles are data of this
package. A page holds its scripts; what is large lies in files beside it, which
script elements load when they are needed (`pieces`).
"""
