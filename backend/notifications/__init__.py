"""Notifications: sends events of the pod to phones, chats, browsers and other programs."""
