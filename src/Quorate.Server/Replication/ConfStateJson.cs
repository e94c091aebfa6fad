using System.Text;
using Quorate.Raft;
using Quorate.Server.Membership;

namespace Quorate.Server.Replication;

/// <summary>The configuration as etcd keeps it in the bucket "meta" (spec 05 §5).</summary>
internal static class ConfStateJson
{
    public static byte[] Encode(ConfState state) => Encoding.UTF8.GetBytes(MemberJson.Object(writer =>
    {
        void Ids(string name, IReadOnlyList<ulong> ids)
        {
            if (ids.Count > 0)
            {
                writer.WriteStartArray(name);
                foreach (ulong id in ids)
                {
                    writer.WriteNumberValue(id);
                }

                writer.WriteEndArray();
            }
        }

        Ids("voters", state.Voters);
        Ids("learners", state.Learners);
        Ids("voters_outgoing", state.VotersOutgoing);
        Ids("learners_next", state.LearnersNext);
        writer.WriteBoolean("auto_leave", state.AutoLeave);
    }));
}
