using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Quorate.Server.Security;

/// <summary>A list of revoked certificates (RFC 5280 §5), in DER or PEM.</summary>
internal static class CertificateRevocationFile
{
    public static bool Contains(string path, X509Certificate2 certificate)
    {
        byte[] content = File.ReadAllBytes(path);
        string text = System.Text.Encoding.ASCII.GetString(content);
        if (PemEncoding.TryFind(text, out PemFields fields))
        {
            content = Convert.FromBase64String(text[fields.Base64Data]);
        }

        byte[] serial = certificate.SerialNumberBytes.ToArray();
        AsnReader list = new AsnReader(content, AsnEncodingRules.DER).ReadSequence().ReadSequence();
        while (list.HasData)
        {
            // The only sequence of sequences that begin with a number is that of the revoked certificates.
            if (list.PeekTag() != Asn1Tag.Sequence)
            {
                list.ReadEncodedValue();
                continue;
            }

            AsnReader entries = list.ReadSequence();
            while (entries.HasData && entries.PeekTag() == Asn1Tag.Sequence)
            {
                AsnReader entry = entries.ReadSequence();
                if (entry.HasData && entry.PeekTag() == Asn1Tag.Integer && entry.ReadIntegerBytes().Span.TrimStart((byte)0).SequenceEqual(serial.AsSpan().TrimStart((byte)0)))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
