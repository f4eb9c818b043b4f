"""Receipts that several tests use."""

from __future__ import annotations

GROCER = """\
        CORNER GROCER
     120 Harbor View Ave
   Springfield, IL 62704
      (217) 555-0142
STORE # 114   TRANS 004821
05/17/2024      09:30 AM
WHL MILK               3.49
ORG BANANAS  2 lb      1.58
2 @ 2.50 SOURDOUGH     5.00
COUPON                -0.50
SUBTOTAL               9.57
SALES TAX              0.61
TOTAL                 10.18
VISA ************4242 10.18
   THANK YOU
   www.cornergrocer.example
"""

BAKERY = """\
     BACKHAUS MUSTER
   Frisch aus dem Steinofen
17.05.2024            08:15
BROT                   3,20
BROETCHEN              1,80
SUMME                  5,00
BAR                   10,00
RUECKGELD              5,00
   backhausmuster.de.example
"""

UNKNOWN = """\
Somebody's Sandwiches
May 17, 2024
TURKEY SANDWICH        8.50
TOTAL                  8.50
CASH                  10.00
CHANGE                 1.50
"""
