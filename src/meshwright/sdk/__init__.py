"""The SDK: what a consumer imports, as `meshwright.connect(path)`."""
