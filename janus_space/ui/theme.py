"""Colours, type and spacing, as Gradio theme variables; what variables cannot say is in assets/ui/page.css."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parents[2] / "assets" / "ui"
LOGO_FILE = ASSETS / "logo.svg"
CSS_FILES = tuple(
    ASSETS / f"{name}.css" for name in ("page", "compose", "explain", "jobs", "augment", "train", "bench", "publish")
)
SCRIPT_FILE = ASSETS / "page.js"

PAPER, INK = "#faf8f4", "#22201c"
NIGHT, CHALK = "#161513", "#ece8e1"


LAPIS = gr.themes.Color(
    name="lapis",
    c50="#eef1fb", c100="#dfe4f7", c200="#c3cdf0", c300="#9dace5", c400="#7587d6", c500="#5366c0",
    c600="#3f50a4", c700="#334185", c800="#2b366b", c900="#252e57", c950="#181d38",
)  # fmt: skip
STONE = gr.themes.Color(
    name="stone",
    c50="#faf8f4", c100="#f3f0ea", c200="#e6e1d8", c300="#d3ccc0", c400="#a59d90", c500="#7a7368",
    c600="#5d574e", c700="#454039", c800="#2b2823", c900="#1f1d1a", c950="#161513",
)  # fmt: skip
VARIABLES = {
    "body_background_fill": PAPER,
    "body_background_fill_dark": NIGHT,
    "body_text_color": INK,
    "body_text_color_dark": CHALK,
    "body_text_color_subdued": "#6a635a",
    "body_text_color_subdued_dark": "#a8a196",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#1f1d1a",
    "background_fill_secondary": "*neutral_100",
    "background_fill_secondary_dark": "#262420",
    "border_color_primary": "#e3ddd2",
    "border_color_primary_dark": "#38342e",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_padding": "0",
    "block_label_text_color": "*body_text_color",
    "block_label_text_color_dark": "*body_text_color",
    "block_title_text_color": "*body_text_color",
    "block_title_text_color_dark": "*body_text_color",
    "block_title_text_weight": "600",
    "block_title_text_size": "0.9rem",
    "block_info_text_color": "*body_text_color_subdued",
    "block_info_text_color_dark": "*body_text_color_subdued",
    "block_info_text_size": "0.8rem",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#1b1916",
    "input_border_color": "#d9d2c6",
    "input_border_color_dark": "#4a453d",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_padding": "0.6rem 0.75rem",
    "input_text_size": "0.95rem",
    "input_radius": "8px",
    "input_placeholder_color": "#7d766b",
    "input_placeholder_color_dark": "#8f887c",
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_dark": "*primary_300",
    "button_primary_background_fill_hover_dark": "*primary_200",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#161513",
    "button_secondary_background_fill": "transparent",
    "button_secondary_background_fill_dark": "transparent",
    "button_secondary_background_fill_hover": "*neutral_100",
    "button_secondary_background_fill_hover_dark": "#2b2823",
    "button_secondary_border_color": "#d9d2c6",
    "button_secondary_border_color_dark": "#4a453d",
    "button_border_width": "1px",
    "checkbox_border_color": "#a59d90",
    "checkbox_border_color_dark": "#7a7368",
    "slider_color": "*primary_600",
    "slider_color_dark": "*primary_300",
    "link_text_color": "*primary_700",
    "link_text_color_dark": "*primary_300",
}


def theme() -> gr.themes.Base:
    """Make the theme: paper and ink, one accent, system fonts only."""
    return gr.themes.Base(
        primary_hue=LAPIS,
        secondary_hue=LAPIS,
        neutral_hue=STONE,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        font=["-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue", "Arial", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    ).set(**VARIABLES)
