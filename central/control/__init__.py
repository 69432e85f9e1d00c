"""Commands to devices behind gateways: asked, sent, settled by what a gateway proves."""
