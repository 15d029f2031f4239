"""What a person sees: one file a figure, the page that holds them, the recommendation as a file for other trainers."""
