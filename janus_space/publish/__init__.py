"""From a finished run to a model, a dataset, a Space or a collection on the Hub that others can use at once.

sources ─▶ allowed ─▶ secrets ─▶ card ─▶ parcel (a folder: exactly what goes) ─▶ commit ─▶ readback
"""
