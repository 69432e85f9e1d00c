"""What the electricity and water reports say: figures by area, item, maker and rate; load, flow and balance; facts and codes they are told with."""
