"""What stays while screens change: navigation, top bar, the question of who it is."""
