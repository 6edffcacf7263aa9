"""The page around a screen: its frame, elements, what travels over the wire, refusals and toasts."""
