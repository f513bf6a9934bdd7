# SPDX-License-Identifier: Apache-2.0
"""The documentation as a site: `make docs` builds it into site/, offline, and treats warnings as errors."""

from sphinx.application import Sphinx

project = "geoloc"
author = "the geoloc developers"
project_copyright = "the geoloc developers, Apache-2.0"
extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 4  # links to headings, with the anchors that GitHub gives them
html_theme = "furo"
html_title = "geoloc"
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00796b", "color-brand-content": "#00796b"},
    "dark_css_variables": {"color-brand-primary": "#4db6ac", "color-brand-content": "#4db6ac"},
}

NAVIGATION = {
    "Use it": (
        "installation which-camera maps interfaces parameters heading-and-height refusals refinement "
        "troubleshooting"
    ),
    "Measure it": "evaluation scenarios real-flights figures",
    "Train it": "model-zoo adaptation training methods/sample4geo methods/lpn methods/dphr methods/dmnil",
    "Change it": "architecture extending glossary",
}
"""Captions and pages of the side bar. It is kept here, because index.md is also read without Sphinx."""


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the side bar's tables of contents to the home page, before it is parsed."""
    if page == app.config.root_doc:
        for caption, pages in NAVIGATION.items():
            listed = "\n".join(pages.split())
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def setup(app: Sphinx) -> None:
    """Register `add_navigation`."""
    app.connect("source-read", add_navigation)
