"""Notifications: sends what happens on the pod to phones, chats, browsers and other programs."""
