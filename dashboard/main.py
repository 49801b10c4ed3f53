"""The script that Streamlit runs at each look at the dashboard."""

from dashboard.pages import run

run()
