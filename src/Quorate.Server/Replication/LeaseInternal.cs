using Google.Protobuf;
using Quorate.Protocol;

namespace Quorate.Server.Replication;

/// <summary>
/// The frames of /leases/internal (spec 04 §4.6): the request, or response, of the client API as field 1 of a message of its own.
/// </summary>
public static class LeaseInternal
{
    private const uint FieldOne = 10;

    public static byte[] EncodeRequest(long id, bool withKeys) => Wrap(new LeaseTimeToLiveRequest { ID = id, Keys = withKeys });

    /// <summary><see cref="InvalidProtocolBufferException"/> for what is none.</summary>
    public static LeaseTimeToLiveRequest DecodeRequest(byte[] body) => LeaseTimeToLiveRequest.Parser.ParseFrom(Unwrap(body));

    public static byte[] EncodeResponse(LeaseTimeToLiveResponse response) => Wrap(response);

    public static LeaseTimeToLiveResponse DecodeResponse(byte[] body) => LeaseTimeToLiveResponse.Parser.ParseFrom(Unwrap(body));

    private static byte[] Wrap(IMessage message)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(FieldOne);
            output.WriteMessage(message);
        }

        return stream.ToArray();
    }

    private static ByteString Unwrap(byte[] body)
    {
        var input = new CodedInputStream(body);
        ByteString content = ByteString.Empty;
        while (input.ReadTag() is var tag && tag != 0)
        {
            if (tag == FieldOne)
            {
                content = input.ReadBytes();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return content;
    }
}
